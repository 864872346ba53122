import { InternalError } from "../lib/errors.ts";

function noCompiler(): never {
  throw new InternalError("a route has a JSON schema, and nothing here compiles one");
}

/**
 * For `fastify`: where it is given no compilers of JSON schemas, it loads its own at the start (ajv, fast-json-stringify), half a
 * megabyte of code. Nothing here has a JSON schema: `setValidatorCompiler` is for the shapes of `src/api`.
 */
export const withoutCompilers = {
  schemaController: {
    compilersFactory: { buildValidator: noCompiler, buildSerializer: noCompiler },
  },
};
