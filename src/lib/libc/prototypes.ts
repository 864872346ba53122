/*
 * The calls of the C library that Node does not offer, each declared once, as in the manual pages, for `func` of koffi. Structures are bytes that the
 * caller lays out; a size or a result that is wider than an `int` is so on every machine that Node runs on.
 */

export const libc = {
  // Sockets
  socket: "int socket(int domain, int type, int protocol)",
  bind: "int bind(int fd, const void *address, unsigned int length)",
  connect: "int connect(int fd, const void *address, unsigned int length)",
  accept4: "int accept4(int fd, void *address, void *length, int flags)",
  getsockopt: "int getsockopt(int fd, int level, int name, void *value, void *length)",
  setsockopt: "int setsockopt(int fd, int level, int name, const void *value, unsigned int length)",
  recv: "long recv(int fd, void *into, size_t length, int flags)",
  recvfrom:
    "long recvfrom(int fd, void *into, size_t length, int flags, void *from, void *fromLength)",
  send: "long send(int fd, const void *data, size_t length, int flags)",
  sendto:
    "long sendto(int fd, const void *data, size_t length, int flags, const void *to, unsigned int toLength)",
  epoll_create1: "int epoll_create1(int flags)",
  epoll_ctl: "int epoll_ctl(int epoll, int operation, int fd, const void *event)",
  epoll_wait: "int epoll_wait(int epoll, void *events, int count, int timeoutMs)",
  close: "int close(int fd)",
  // Memory
  mmap: "void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)",
  madvise: "int madvise(void *address, size_t length, int advice)",
  munmap: "int munmap(void *address, size_t length)",
  // Pipes
  pipe2: "int pipe2(void *ends, int flags)",
  fcntl: "int fcntl(int fd, int command, ...)",
  vmsplice: "long vmsplice(int pipe, void *vectors, size_t count, unsigned int flags)",
  splice:
    "long splice(int from, void *fromOffset, int to, void *toOffset, size_t length, unsigned int flags)",
  // Whose a process is
  prctl:
    "int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)",
  capget: "int capget(void *header, void *data)",
  capset: "int capset(void *header, const void *data)",
  setgroups: "int setgroups(size_t count, const void *groups)",
  setresgid: "int setresgid(uint32_t real, uint32_t effective, uint32_t saved)",
  setresuid: "int setresuid(uint32_t real, uint32_t effective, uint32_t saved)",
} as const;
