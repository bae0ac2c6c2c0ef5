/// Formats of the tests' own, beside the shipped ones.
enum NginxFormats {
  /// Lists of upstreams, values without separators, a rest of the line that may be empty.
  static let custom =
    #"$remote_addr:$remote_port $msec $request_time [$upstream_addr] [$upstream_status] "#
    + #"[$upstream_response_time] $request_length $bytes_sent "$request" "#
    + #"$status "$http_x_odd" $pipe$connection"#

  /// JSON, as it is written for collectors that read nothing else.
  static let shaped =
    #"{"time":"$time_iso8601","ip":"$remote_addr","request":"$request","status":$status,"#
    + #""upstream":"$upstream_addr","took":$request_time,"odd":"$http_x_odd","agent":"$http_user_agent"}"#
}

enum EnvoyFormats {
  static let own =
    #"%START_TIME(%s.%6f)% %DOWNSTREAM_REMOTE_ADDRESS% %REQ(:METHOD)% %RESPONSE_CODE% %RESPONSE_FLAGS% "#
    + "%DURATION%ms %RESPONSE_CODE_DETAILS% %UPSTREAM_CLUSTER% %CONNECTION_ID% %REQ(:PATH)%"
}
