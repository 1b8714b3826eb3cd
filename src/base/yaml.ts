/** YAML, behind a module of our own: a bundle can load it late by name, which it can't do with a CommonJS package. */
export { parse, parseAllDocuments, stringify } from "yaml";
