import { render } from "preact";
import "uplot/dist/uPlot.min.css";
import "./style.css";
import { App } from "./view/app.tsx";
import { english } from "./words.ts";

const page = document.getElementById("page");
if (page !== null) render(<App words={english} />, page);
