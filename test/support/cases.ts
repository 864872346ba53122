/**
 * How many made-up cases a test tries: all of them in CI and in `test/all.sh` (`CI` or `ALL_CASES` is set), a
 * tenth while one works, so that `npm run check` takes less than a minute. Each run tries others.
 */
export function cases(all: number): number {
  const every = (process.env["CI"] ?? process.env["ALL_CASES"] ?? "") !== "";
  return every ? all : Math.ceil(all / 10);
}

/**
 * How often a test does what takes seconds each time: as often as `npm run test:long` does (`LONG` is set), or `few`
 * times, which is what `test/all.sh` has the time for.
 */
export function rounds(all: number, few: number): number {
  return isLong() ? all : few;
}

/** Of a table whose rows take long: all of them in `npm run test:long`, otherwise those that `few` keeps. */
export function rows<T>(all: readonly T[], few: (row: T, index: number) => boolean): readonly T[] {
  return isLong() ? all : all.filter(few);
}

function isLong(): boolean {
  return (process.env["LONG"] ?? "") !== "";
}
