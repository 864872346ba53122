import type { Account } from "./account.ts";
import { libc } from "../../lib/libc/prototypes.ts";

/** Numbers of `<linux/capability.h>`. */
export const capabilities = { CAP_NET_BIND_SERVICE: 10, CAP_NET_RAW: 13 } as const;
export type Capability = keyof typeof capabilities;

/** What becoming another user takes of the C library, which Node does not offer whole. */
export interface IdentityCalls {
  /**
   * Makes the whole process the account's. Of the capabilities the calling thread keeps those of `keep` that it has;
   * all other threads keep none, and nothing that the process starts gets any. Returns the name of the call that
   * failed, or null.
   */
  become(account: Account, keep: readonly Capability[]): string | null;
}

// <linux/prctl.h>
const PR_SET_DUMPABLE = 4;
const PR_SET_KEEPCAPS = 8;
const PR_CAPBSET_READ = 23;
const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
const CAPABILITY_VERSION_3 = 0x2008_0522;
const mostCapabilities = 63;

type Call = (...words: readonly (number | Uint32Array)[]) => unknown;

/** Null where `koffi` is not installed, or the system is not Linux. */
export async function loadIdentityCalls(): Promise<IdentityCalls | null> {
  try {
    const { load } = await import("koffi");
    const library = load(null);
    const prctl: Call = library.func(libc.prctl);
    const capget: Call = library.func(libc.capget);
    const capset: Call = library.func(libc.capset);
    const setgroups: Call = library.func(libc.setgroups);
    const setresgid: Call = library.func(libc.setresgid);
    const setresuid: Call = library.func(libc.setresuid);
    const header = (): Uint32Array => Uint32Array.of(CAPABILITY_VERSION_3, 0);

    /** Bits of those that the thread may have, all of them below 32. */
    const permitted = (keep: readonly Capability[]): number => {
      // Effective, permitted, inheritable; once for each 32 capabilities.
      const data = new Uint32Array(6);
      capget(header(), data);
      const wanted = keep.reduce((bits, name) => bits | (1 << capabilities[name]), 0);
      return ((data[1] ?? 0) & wanted) >>> 0;
    };
    return {
      become({ uid, gid, groups }, keep) {
        const kept = permitted(keep);
        for (let one = 0; one <= mostCapabilities; one++) {
          const isKept = one < 32 && ((kept >>> one) & 1) === 1;
          // It fails without CAP_SETPCAP; what is started gets nothing all the same, by no_new_privs.
          if (!isKept && Number(prctl(PR_CAPBSET_READ, one, 0, 0, 0)) === 1) {
            prctl(PR_CAPBSET_DROP, one, 0, 0, 0);
          }
        }
        // The C library's calls for groups and users are those of all threads, as POSIX wants; the kernel takes every
        // capability from a thread that stops being root. This thread alone keeps them, and gives up all but `kept`.
        const steps: readonly [string, () => unknown][] = [
          ["prctl(PR_SET_KEEPCAPS)", () => prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)],
          ["setgroups", () => setgroups(groups.length, Uint32Array.from(groups))],
          ["setresgid", () => setresgid(gid, gid, gid)],
          ["setresuid", () => setresuid(uid, uid, uid)],
          ["capset", () => capset(header(), Uint32Array.of(kept, kept, 0, 0, 0, 0))],
          ["prctl(PR_SET_KEEPCAPS)", () => prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0)],
          ["prctl(PR_SET_NO_NEW_PRIVS)", () => prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)],
        ];
        for (const [name, perform] of steps) if (Number(perform()) !== 0) return name;
        // Before Linux 4.3 there are none.
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        // As after an exec: its own descriptors and limits in /proc are the user's to read.
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
        return null;
      },
    };
  } catch {
    return null;
  }
}
