/** What the events of the mirror and its generations carry, by their names. Sizes are in bytes. */
export interface MirrorEventFields {
  "sync-start": { origin: string };
  "sync-progress": {
    file: string;
    bytes: number;
    total: number | null;
    bytesPerSecond: number;
    remainingSeconds: number | null;
  };
  "sync-retry": { file: string; reason: string; delayMs: number };
  /** `bytes` were fetched; `size` has more where a broken download went on. */
  "sync-file": { file: string; bytes: number; size: number; durationMs: number };
  "sync-done": { generation: string; changed: boolean; durationMs: number };
  "sync-failed": { origin: string; reason: string; serving: string | null };
  "origin-failed": { origin: string; reason: string };
  "origin-untrusted": {
    origin: string;
    presented: string | null;
    reason: string;
    remedy: string;
  };
  "origin-certificate": { origin: string; fingerprint: string; expiresAt: string };
  "certificate-expiring": { origin: string; fingerprint: string; expiresAt: string; days: number };
  "ca-trusted": { url: string; fingerprint: string; how: "pinned" | "public" | "first-use" };
  "loader-fetched": { file: string; bytes: number };
  "loader-unusable": { file: string; reason: string };
  "disk-full": { file: string; missingBytes: number | null };
  "generation-damaged": { generation: string; reason: string };
  "generation-unread": { generation: string; reason: string };
  "generation-imported": { generation: string };
  "admin-changed": { by: string; request: string };
  "generation-pinned": { generation: string | null; by: string };
}
