"""Validates what `search --output` writes against the published schemas.

    python validate.py ocsf|otel FILE

Reads one JSON object a line; prints what is wrong and ends with status 1 if anything is. The schemas come with the
packages ocsf-json-schema, opentelemetry-proto and opentelemetry-semantic-conventions.
"""

import collections
import json
import pathlib
import re
import sys


def ocsf(lines):
    """Each object against the JSON schema of its class and its profiles."""
    import jsonschema
    from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

    schemas = {}
    validators = {}
    for number, line in enumerate(lines):
        event = json.loads(line)
        version = event["metadata"]["version"]
        profiles = tuple(event["metadata"].get("profiles", []))
        key = (version, event["class_uid"], profiles)
        if key not in validators:
            if version not in schemas:
                schemas[version] = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=version))
            name = schemas[version].lookup_class_name_from_uid(class_uid=event["class_uid"])
            schema = schemas[version].get_class_schema(class_name=name, profiles=list(profiles))
            validators[key] = jsonschema.Draft202012Validator(schema)
        for error in validators[key].iter_errors(event):
            place = ".".join(str(part) for part in error.absolute_path)
            yield number, f"{key}: {place}: {error.message[:300]}"
        if event["type_uid"] != event["class_uid"] * 100 + event["activity_id"]:
            yield number, "type_uid does not follow from class_uid and activity_id"


def conventions():
    """All attribute names of the semantic conventions, and those that take a suffix."""
    import opentelemetry.semconv as package

    names = set()
    for file in pathlib.Path(next(iter(package.__path__))).rglob("*.py"):
        names.update(re.findall(r'^[A-Z0-9_]+: Final = "([a-z0-9_.]+)"', file.read_text(), re.M))
    return names


def otel(lines):
    """Each object is LogsData, every attribute is a convention or Stele's own, and none is there twice."""
    from google.protobuf import json_format
    from opentelemetry.proto.logs.v1 import logs_pb2
    from opentelemetry.semconv.schemas import Schemas

    known = conventions()
    urls = {schema.value for schema in Schemas}
    for number, line in enumerate(lines):
        try:
            data = json_format.Parse(line, logs_pb2.LogsData(), ignore_unknown_fields=False)
        except json_format.ParseError as error:
            yield number, f"no LogsData: {error}"
            continue
        # ProtoJSON reads bytes as base64, OTLP/JSON has ids in hexadecimal.
        for record in json.loads(line)["resourceLogs"][0]["scopeLogs"][0]["logRecords"]:
            for key, digits in (("traceId", 32), ("spanId", 16)):
                if key in record and not re.fullmatch(f"[0-9a-f]{{{digits}}}", record[key]):
                    yield number, f"{key} {record[key]} is not {digits} hexadecimal digits"
        for resource in data.resource_logs:
            if resource.schema_url not in urls:
                yield number, f"no such schema: {resource.schema_url}"
            lists = [resource.resource.attributes]
            for scope in resource.scope_logs:
                lists += [record.attributes for record in scope.log_records]
            for attributes in lists:
                counts = collections.Counter(attribute.key for attribute in attributes)
                for name, count in counts.items():
                    if count > 1:
                        yield number, f"{name} is there {count} times"
                    base = re.sub(r"^(http\.(?:request|response)\.header)\..*", r"\1", name)
                    if not name.startswith("stele.") and base not in known:
                        yield number, f"{name} is no semantic convention"


def main():
    kind, path = sys.argv[1:]
    lines = open(path, encoding="utf-8").read().splitlines()
    wrong = collections.Counter()
    for number, text in {"ocsf": ocsf, "otel": otel}[kind](lines):
        wrong[text] += 1
        if wrong[text] == 1 and len(wrong) <= 20:
            print(f"line {number + 1}: {text}\n    {lines[number][:2000]}")
    print(f"{len(lines)} lines, {sum(wrong.values())} faults")
    sys.exit(1 if wrong or not lines else 0)


main()
