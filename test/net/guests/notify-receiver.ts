/** Takes datagrams from a Unix socket, as a service manager does, and prints each as a line of JSON. */
import { load } from "koffi";

const [path = ""] = process.argv.slice(2);
const library = load(null);
const socket = library.func("int socket(int domain, int type, int protocol)");
const bind = library.func("int bind(int fd, const void *address, unsigned int length)");
const recv = library.func("long recv(int fd, void *data, size_t length, int flags)");

const name = Buffer.from(path.startsWith("@") ? `\0${path.slice(1)}` : `${path}\0`);
const address = Buffer.concat([Buffer.from(Uint16Array.of(1).buffer), name]);
const descriptor = Number(socket(1, 2, 0));
if (Number(bind(descriptor, address, address.length)) !== 0) throw new Error("cannot bind");
console.log(JSON.stringify("bound"));
const buffer = Buffer.alloc(4096);
for (;;) {
  const length = Number(recv(descriptor, buffer, buffer.length, 0));
  console.log(JSON.stringify(buffer.toString("utf8", 0, length)));
}
