import type { Entries } from "./entry.ts";

/** Who may boot, and what people decide about that. */
export const nodeEvents = {
  "local-boot": {
    level: "info",
    message: "a machine was sent on to its disk",
    meaning:
      "It may not boot from the network (`reason`), and goes on in this `way`: `exit` or `sanboot` is what its script does, `not-found` what it was told of its loader, and `silent` means that it was offered nothing, which is shown when its operating system is heard. `restarts`: its iPXE is too old to give a UEFI machine back, so the machine restarts and is sent on by `not-found`.",
    show: { every: 60_000, by: ["mac", "way"] },
  },
  "local-boot-learnt": {
    level: "info",
    message: "it is known now how to send this machine on to its disk",
    meaning:
      "After this `way` its operating system was heard, or it stayed away. It is sent on so at once from now on, unless `boot.localBoot` or its entry says another way. `eim-pxe nodes forget MAC` forgets it.",
  },
  "machine-waiting": {
    level: "warn",
    message: "an unknown machine wants to boot and waits for a decision",
    meaning:
      "No entry matches it and `nodes.unknown` is `deny`. `eim-pxe nodes list --status waiting` lists all that wait; `eim-pxe nodes allow MAC` lets it boot the next time that it asks, and `nodes deny MAC` takes it from the list.",
    show: { every: 3_600_000, by: ["mac"] },
  },
  "node-decided": {
    level: "info",
    message: "somebody decided about a machine",
    meaning:
      "By `eim-pxe nodes` or the API; `by` says who. It goes before the nodes file and is kept over a restart. `netboot: null` gives the word back to the nodes file.",
  },
  "wake-sent": {
    level: "info",
    message: "somebody had a machine switched on by Wake-on-LAN",
    meaning:
      "By `eim-pxe nodes wake`, the dashboard or the API; `by` says who. A magic packet left on `interfaces`. No answer comes: whether the machine wakes is seen by its `discover`.",
  },
  registered: {
    level: "info",
    message: "the orchestrator knows this machine",
    meaning:
      "It is registered as `host` (found `by` UUID or serial number, in this `state`), and the Micro-OS can go on. `token` is how we were logged in: `kept`, `new`, or `renewed` since the former token had expired.",
  },
  "not-registered": {
    level: "warn",
    message: "this machine is not registered at the orchestrator yet: the Micro-OS will wait",
    meaning:
      "Neither its UUID nor its serial number is known there (`nodes.orchestrator`). It boots all the same, and is asked for once a minute from then on; `registered` follows when somebody has registered it.",
  },
  "registration-conflict": {
    level: "warn",
    message: "the orchestrator will not take this machine as it is",
    meaning:
      "It is onboarded there already, or has another UUID or serial number there: `reason` says which, `remedy` what to do. The Micro-OS boots and hangs.",
  },
  "registration-unknown": {
    level: "warn",
    message: "the orchestrator could not be asked whether this machine is registered",
    meaning:
      "`reason` says why, `remedy` what to do. Machines boot meanwhile; it is asked again by itself, at last every five minutes. The timeline of each machine has it, the log once for each cause.",
    show: { every: 60_000, by: ["code"], upTo: 3_600_000, until: "orchestrator-answers" },
  },
  "orchestrator-answers": {
    level: "info",
    message: "the orchestrator's API can be asked again",
    meaning: "The machines that it was to be asked for have their answers now.",
  },
  "stages-untold": {
    level: "warn",
    message: "the orchestrator could not be told how far machines' boots came",
    meaning:
      "`reason` says why, `remedy` what to do (`nodes.orchestrator.reportStages`). Machines boot meanwhile. The last stages of `waiting` machines are written when it answers again; it is asked by itself, at last every five minutes.",
    show: { every: 60_000, by: ["code"], upTo: 3_600_000, until: "orchestrator-answers" },
  },
  "once-used": {
    level: "info",
    message: "a machine that may boot once reached the Micro-OS",
    meaning: "From now on it goes on to its disk. `eim-pxe nodes once MAC` lets it boot once more.",
  },
  "nodes-unkept": {
    level: "error",
    message: "what was decided about machines could not be written to disk",
    meaning:
      "It is in force, and a restart would lose it: make room in `dataDir` (`reason` says what the system says). Writing is tried again every 5 seconds.",
    show: { every: 60_000, by: ["reason"] },
  },
  "nodes-source-away": {
    level: "warn",
    message: "the nodes cannot be asked for; the last known ones stay in force",
    meaning:
      "`source` is the API server of the cluster (`nodes.format: kubernetes`); `nodes` objects are known of it. It is asked again by itself, at last every 30 seconds. Look at `reason`: an account needs get, list and watch on hardware.tinkerbell.org.",
    show: { every: 60_000, by: ["source", "reason"], upTo: 3_600_000, until: "nodes-source-back" },
  },
  "nodes-source-back": {
    level: "info",
    message: "the nodes can be asked for again",
    meaning: "What changed meanwhile is in force.",
  },
  "node-unusable": {
    level: "warn",
    message: "an object of the cluster is no entry",
    meaning:
      "`reason` names it and what is wrong, or the other one that has the same MAC or IP address. All others are in force.",
  },
} satisfies Entries;
