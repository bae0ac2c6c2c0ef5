// What Swift cannot call: variadic functions, macros, GNU extensions, packed structures, and control-message
// walking. Every function keeps the convention of system calls: -1 and errno on failure. Nothing here retries
// on EINTR.
#pragma once
#include <stddef.h>
#include <stdint.h>

// fallocate(2) with FALLOC_FL_KEEP_SIZE.
int linux_reserve_blocks(int fd, int64_t offset, int64_t count);
// syncfs(2).
int linux_sync_file_system(int fd);
// pthread_setname_np(3) on the calling thread.
void linux_name_thread(const char *name);
// PR_SET_TIMERSLACK on the calling thread: how late its sleeps may end.
void linux_set_timer_slack(uint64_t nanoseconds);

// setpriority(2) on the calling thread.
int linux_set_niceness(int niceness);

// How far the system's clock may be off, microseconds (adjtimex(2), maxerror).
int64_t linux_clock_error(void);

// malloc_trim(3), which Glibc's Swift module leaves out.
void linux_trim_memory(void);
// PR_SET_DUMPABLE 0: no core dump, no ptrace by other processes of the user (prctl(2)).
void linux_forbid_dumps(void);

// accept4(2) with SOCK_NONBLOCK and SOCK_CLOEXEC.
int linux_accept(int fd);
// eventfd(2), non-blocking and close-on-exec.
int linux_eventfd(void);

// inotify(7), non-blocking and close-on-exec.
int linux_inotify(void);
// Watches a directory for whatever happens to its files. Returns the watch's number.
int linux_inotify_watch(int fd, const char *directory);
int linux_inotify_unwatch(int fd, int watch);
// One thing that happened to a file.
struct linux_file_notice {
  int watch;
  uint32_t cookie;        // the same for both halves of a rename
  uint8_t changes_names;  // more than its contents has changed
  uint8_t moved;          // 1 away from this name, 2 to this name
  uint8_t overflow;       // more has happened than the kernel could keep
  char name[256];
};
// Fills `notices`, returns how many.
int linux_inotify_read(int fd, struct linux_file_notice *notices, int capacity);

// The magic number of the file system that an open file is on (fstatfs(2)); 0 when it does not tell.
uint32_t linux_file_system(int fd);

// epoll(7), level-triggered, readable (and hung up) only.
int linux_epoll_create(void);
int linux_epoll_add(int epoll, int fd, uint64_t token, int writable);
int linux_epoll_change(int epoll, int fd, uint64_t token, int writable);
int linux_epoll_remove(int epoll, int fd);
// Fills `tokens`, returns how many. A negative time-out waits for ever.
int linux_epoll_wait(int epoll, uint64_t *tokens, int capacity, int64_t timeout_ns);

// What the receive queue takes of the kernel's memory, what it may take, and how many datagrams were dropped,
// modulo 2^32 (SO_MEMINFO).
int linux_socket_memory(int fd, uint32_t *queued, uint32_t *limit, uint32_t *drops);
// Makes the socket refuse, and count as drops, every datagram that arrives from now on.
int linux_refuse_datagrams(int fd);
// Bytes waiting in a stream socket's receive queue (SIOCINQ).
int linux_bytes_waiting(int fd);
// Bytes sent on a stream socket that the peer's kernel has not acknowledged (SIOCOUTQ).
int linux_bytes_unacknowledged(int fd);

// One received datagram, without its bytes.
struct linux_datagram {
  int64_t time;         // kernel receive time, ns since 1970 UTC; 0 when the kernel gave none
  uint32_t length;      // bytes stored
  uint32_t drops;       // cumulative drops before this datagram (SO_RXQ_OVFL); 0 when the kernel gave none
  uint32_t pid, uid, gid;
  uint16_t port;        // host order
  uint8_t family;       // 0 none, 4, 6
  uint8_t truncated;    // the datagram was longer than the room for it
  uint8_t credentials;  // pid, uid, gid are set
  uint8_t address[16];  // network order; the first 4 for family 4
};

// Storage of one batch receive, made once. Datagram i starts at `small + i * small_size`; what does not fit
// there goes on at `large + i * large_size`.
struct linux_batch;
struct linux_batch *linux_batch_create(
    unsigned capacity, uint8_t *small, size_t small_size, uint8_t *large, size_t large_size);
void linux_batch_destroy(struct linux_batch *batch);
// recvmmsg(2), never waiting. Returns how many `datagrams` (room for the batch's capacity) were filled.
int linux_batch_receive(struct linux_batch *batch, int fd, struct linux_datagram *datagrams);
