import { Collector } from "../../support/collector.ts";

/* A collector of traces on loopback at the port that is given: prints each span as a line of JSON. */

const collector = await Collector.open(Number(process.argv[2]));
let printed = 0;
const print = (): void => {
  for (const span of collector.spans.slice(printed)) console.log(JSON.stringify(span));
  printed = collector.spans.length;
};
setInterval(print, 100);
console.log("listening");
