/**
 * How many made-up cases a test tries: all of them in CI and in `test/all.sh` (`CI` or `ALL_CASES` is set), a
 * tenth while one works, so that `npm run check` takes less than a minute. Each run tries others.
 */
export function cases(all: number): number {
  const every = (process.env["CI"] ?? process.env["ALL_CASES"] ?? "") !== "";
  return every ? all : Math.ceil(all / 10);
}
