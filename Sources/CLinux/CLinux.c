#define _GNU_SOURCE
#include "CLinux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <malloc.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

int linux_sync_file_system(int fd) { return syncfs(fd); }

int linux_reserve_blocks(int fd, int64_t offset, int64_t count) {
  return fallocate(fd, FALLOC_FL_KEEP_SIZE, offset, count);
}

void linux_name_thread(const char *name) { (void)pthread_setname_np(pthread_self(), name); }

void linux_set_timer_slack(uint64_t nanoseconds) {
  (void)prctl(PR_SET_TIMERSLACK, (unsigned long)nanoseconds, 0, 0, 0);
}

int linux_set_niceness(int niceness) {
  // On Linux the niceness belongs to a thread, whatever setpriority(2) calls it ("C library/kernel differences").
  return setpriority(PRIO_PROCESS, 0, niceness);
}

int64_t linux_clock_error(void) {
  struct timex time = {0};
  return adjtimex(&time) == -1 ? -1 : time.maxerror;
}

void linux_trim_memory(void) { malloc_trim(0); }

void linux_forbid_dumps(void) { prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

int linux_accept(int fd) { return accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC); }

int linux_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

int linux_inotify(void) { return inotify_init1(IN_NONBLOCK | IN_CLOEXEC); }

int linux_inotify_watch(int fd, const char *directory) {
  return inotify_add_watch(
      fd, directory,
      IN_MODIFY | IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF |
          IN_ONLYDIR);
}

int linux_inotify_unwatch(int fd, int watch) { return inotify_rm_watch(fd, watch); }

int linux_inotify_read(int fd, struct linux_file_notice *notices, int capacity) {
  // Room for one event with the longest name; as many more as fit.
  _Alignas(struct inotify_event) char buffer[16384];
  int found = 0;
  ssize_t got = read(fd, buffer, (size_t)capacity * sizeof(struct inotify_event) < sizeof buffer
                                     ? (size_t)capacity * sizeof(struct inotify_event)
                                     : sizeof buffer);
  if (got < 0) return -1;
  for (ssize_t at = 0; at + (ssize_t)sizeof(struct inotify_event) <= got && found < capacity;) {
    const struct inotify_event *event = (const void *)(buffer + at);
    struct linux_file_notice *notice = &notices[found++];
    notice->watch = event->wd;
    notice->cookie = event->cookie;
    notice->changes_names = (event->mask & ~(uint32_t)IN_MODIFY) != 0;
    notice->moved = event->mask & IN_MOVED_FROM ? 1 : event->mask & IN_MOVED_TO ? 2 : 0;
    notice->overflow = (event->mask & IN_Q_OVERFLOW) != 0;
    notice->name[0] = 0;
    if (event->len > 0) {
      strncpy(notice->name, event->name, sizeof notice->name - 1);
      notice->name[sizeof notice->name - 1] = 0;
    }
    at += (ssize_t)(sizeof(struct inotify_event) + event->len);
  }
  return found;
}

uint32_t linux_file_system(int fd) {
  struct statfs status;
  return fstatfs(fd, &status) == 0 ? (uint32_t)status.f_type : 0;
}

int linux_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

static int change(int epoll, int operation, int fd, uint64_t token, int writable) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | (writable ? EPOLLOUT : 0), .data.u64 = token};
  return epoll_ctl(epoll, operation, fd, &event);
}

int linux_epoll_add(int epoll, int fd, uint64_t token, int writable) {
  return change(epoll, EPOLL_CTL_ADD, fd, token, writable);
}

int linux_epoll_change(int epoll, int fd, uint64_t token, int writable) {
  return change(epoll, EPOLL_CTL_MOD, fd, token, writable);
}

int linux_epoll_remove(int epoll, int fd) { return epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL); }

int linux_epoll_wait(int epoll, uint64_t *tokens, int capacity, int64_t timeout_ns) {
  struct epoll_event events[256];
  // Rounded up: a wait that ends early would find its deadline still ahead and spin.
  int64_t ms = timeout_ns < 0 ? -1 : (timeout_ns + 999999) / 1000000;
  int found = epoll_wait(epoll, events, capacity < 256 ? capacity : 256, ms > INT_MAX ? INT_MAX : (int)ms);
  for (int i = 0; i < found; i++) tokens[i] = events[i].data.u64;
  return found;
}

int linux_socket_memory(int fd, uint32_t *queued, uint32_t *limit, uint32_t *drops) {
  uint32_t values[SK_MEMINFO_VARS] = {0};
  socklen_t size = sizeof values;
  if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, values, &size) != 0) return -1;
  if (size <= SK_MEMINFO_DROPS * sizeof(uint32_t)) {
    errno = EOPNOTSUPP;
    return -1;
  }
  *queued = values[SK_MEMINFO_RMEM_ALLOC];
  *limit = values[SK_MEMINFO_RCVBUF];
  *drops = values[SK_MEMINFO_DROPS];
  return 0;
}

int linux_refuse_datagrams(int fd) {
  struct sock_filter refuse[] = {{BPF_RET | BPF_K, 0, 0, 0}};
  struct sock_fprog program = {1, refuse};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

int linux_bytes_waiting(int fd) {
  int count = 0;
  return ioctl(fd, FIONREAD, &count) == 0 ? count : -1;
}

int linux_bytes_unacknowledged(int fd) {
  int count = 0;
  return ioctl(fd, TIOCOUTQ, &count) == 0 ? count : -1;
}

// Room for a time, a drop counter and credentials.
#define CONTROL_SIZE \
  (CMSG_SPACE(sizeof(struct timespec)) + CMSG_SPACE(sizeof(uint32_t)) + CMSG_SPACE(sizeof(struct ucred)))

struct linux_batch {
  unsigned capacity;
  struct mmsghdr *messages;
  struct iovec *vectors;
  struct sockaddr_in6 *peers;
  uint8_t *control;
  uint8_t *small, *large;
  size_t small_size, large_size;
};

struct linux_batch *linux_batch_create(
    unsigned capacity, uint8_t *small, size_t small_size, uint8_t *large, size_t large_size) {
  struct linux_batch *batch = calloc(1, sizeof *batch);
  if (!batch) return NULL;
  *batch = (struct linux_batch){.capacity = capacity, .small = small, .large = large,
                                .small_size = small_size, .large_size = large_size};
  batch->messages = calloc(capacity, sizeof *batch->messages);
  batch->vectors = calloc(2 * (size_t)capacity, sizeof *batch->vectors);
  batch->peers = calloc(capacity, sizeof *batch->peers);
  batch->control = calloc(capacity, CONTROL_SIZE);
  if (!batch->messages || !batch->vectors || !batch->peers || !batch->control) {
    linux_batch_destroy(batch);
    return NULL;
  }
  for (size_t i = 0; i < capacity; i++) {
    batch->vectors[2 * i] = (struct iovec){small + i * small_size, small_size};
    batch->vectors[2 * i + 1] = (struct iovec){large + i * large_size, large_size};
    batch->messages[i].msg_hdr =
        (struct msghdr){.msg_name = &batch->peers[i], .msg_iov = &batch->vectors[2 * i], .msg_iovlen = 2,
                        .msg_control = batch->control + i * CONTROL_SIZE};
  }
  return batch;
}

void linux_batch_destroy(struct linux_batch *batch) {
  free(batch->messages);
  free(batch->vectors);
  free(batch->peers);
  free(batch->control);
  free(batch);
}

static void read_peer(struct linux_datagram *datagram, const struct msghdr *header) {
  const struct sockaddr_in6 *peer = header->msg_name;
  datagram->family = 0;
  datagram->port = 0;
  if (header->msg_namelen >= sizeof(struct sockaddr_in) && peer->sin6_family == AF_INET) {
    const struct sockaddr_in *peer4 = (const struct sockaddr_in *)(const void *)peer;
    datagram->family = 4;
    datagram->port = ntohs(peer4->sin_port);
    memcpy(datagram->address, &peer4->sin_addr, 4);
  } else if (header->msg_namelen >= sizeof(struct sockaddr_in6) && peer->sin6_family == AF_INET6) {
    datagram->port = ntohs(peer->sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&peer->sin6_addr)) {
      datagram->family = 4;
      memcpy(datagram->address, peer->sin6_addr.s6_addr + 12, 4);
    } else {
      datagram->family = 6;
      memcpy(datagram->address, &peer->sin6_addr, 16);
    }
  }
}

static void read_control(struct linux_datagram *datagram, struct msghdr *header) {
  datagram->time = 0;
  datagram->drops = 0;
  datagram->credentials = 0;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
    if (c->cmsg_level != SOL_SOCKET) continue;
    if (c->cmsg_type == SCM_TIMESTAMPNS && c->cmsg_len >= CMSG_LEN(sizeof(struct timespec))) {
      struct timespec time;
      memcpy(&time, CMSG_DATA(c), sizeof time);
      datagram->time = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
    } else if (c->cmsg_type == SO_RXQ_OVFL && c->cmsg_len >= CMSG_LEN(sizeof(uint32_t))) {
      memcpy(&datagram->drops, CMSG_DATA(c), sizeof(uint32_t));
    } else if (c->cmsg_type == SCM_CREDENTIALS && c->cmsg_len >= CMSG_LEN(sizeof(struct ucred))) {
      struct ucred who;
      memcpy(&who, CMSG_DATA(c), sizeof who);
      datagram->pid = (uint32_t)who.pid;
      datagram->uid = who.uid;
      datagram->gid = who.gid;
      datagram->credentials = 1;
    }
  }
}

int linux_batch_receive(struct linux_batch *batch, int fd, struct linux_datagram *datagrams) {
  for (unsigned i = 0; i < batch->capacity; i++) {
    batch->messages[i].msg_hdr.msg_namelen = sizeof(struct sockaddr_in6);
    batch->messages[i].msg_hdr.msg_controllen = CONTROL_SIZE;
  }
  int count = recvmmsg(fd, batch->messages, batch->capacity, MSG_DONTWAIT, NULL);
  for (int i = 0; i < count; i++) {
    struct linux_datagram *datagram = &datagrams[i];
    struct mmsghdr *message = &batch->messages[i];
    datagram->length = message->msg_len;
    datagram->truncated = (message->msg_hdr.msg_flags & MSG_TRUNC) != 0;
    read_peer(datagram, &message->msg_hdr);
    read_control(datagram, &message->msg_hdr);
  }
  return count;
}
