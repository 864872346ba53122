/** The status of a fault that the HTTP framework names by `statusCode` (a body too large, …); 500 for any other. */
export function errorStatus(error: unknown): number {
  if (error instanceof Error && "statusCode" in error && typeof error.statusCode === "number") {
    return error.statusCode >= 400 ? error.statusCode : 500;
  }
  return 500;
}
