/** A user of this host, as `passwd(5)` and `group(5)` know it. */
export interface Account {
  /** Its name, or its number where it has none. */
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** Further groups that it is a member of. */
  readonly groups: readonly number[];
}

/** The texts of `/etc/passwd` and `/etc/group`. */
export interface AccountFiles {
  readonly passwd: string;
  readonly group: string;
}

/**
 * The account that `user` names: `eim-pxe`, `10067`, or `10067:10067` with its group; null: there is none. A user by
 * number need have no name, as in a container.
 */
export function findAccount(user: string, files: AccountFiles): Account | null {
  const [, uidText, gidText] = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(user) ?? [];
  const known = lines(files.passwd).find(([name, , uid]) =>
    uidText === undefined ? name === user : Number(uid) === Number(uidText),
  );
  if (known === undefined && uidText === undefined) return null;
  const [name = user, , knownUid = uidText, knownGid = knownUid] = known ?? [];
  const [uid, gid] = [Number(knownUid), Number(gidText ?? knownGid)];
  if (!isId(uid) || !isId(gid)) return null;
  const groups = known === undefined ? [] : groupsOf(name, files.group);
  return { name, uid, gid, groups: groups.filter((one) => one !== gid) };
}

function groupsOf(name: string, group: string): readonly number[] {
  return lines(group)
    .filter(([, , , members = ""]) => members.split(",").includes(name))
    .map(([, , gid]) => Number(gid))
    .filter((gid) => isId(gid));
}

/** -1 stands for "leave it as it is" in the calls of the kernel. */
function isId(id: number): boolean {
  return Number.isInteger(id) && id >= 0 && id < 0xff_ff_ff_ff;
}

function lines(text: string): readonly string[][] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(":"));
}
