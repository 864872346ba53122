/** Where the optional package koffi comes from, for whoever reads that it is missing. */
export const howToGetKoffi =
  "`npm install -g` of eim-pxe's package brings it, and so does a bundle of install.sh (docs/installing.md)";
