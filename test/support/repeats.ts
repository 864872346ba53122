/** Of a test that once depended on real time: `npm run test:steady` runs it so many times in a row. */
export const repeated = { repeats: Number(process.env["REPEATS"] ?? 1) - 1 };
