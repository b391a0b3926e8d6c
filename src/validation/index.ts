/**
 * What a request may say: strict JSON, JSON Schemas, content types, and the OpenAPI document of an app. It
 * promises that a schema which is accepted at deploy can cost no more than `validationStepsMax` for each
 * part of a request, whoever wrote it and whatever is sent, and that callers learn where a request is wrong
 * and by which keyword, nothing else. It refuses what two parsers could read in two ways, schemas that refer
 * to other files, and keywords and regular expressions that it cannot check in linear time.
 */
export { checkSchemas } from './check-schemas.ts';
export { routeValidator } from './route-validator.ts';
export type { HeadValues, Problem, RouteValidator } from './route-validator.ts';
export { openApiOf } from './openapi/openapi-of.ts';
export type { OpenApiOptions } from './openapi/openapi-of.ts';
export { appFromOpenApi } from './openapi/app-from-openapi.ts';
export type { ImportedApp, ImportOptions, ImportRemark } from './openapi/app-from-openapi.ts';
export { isJson, parseContentType } from './content-type.ts';
export type { ContentType } from './content-type.ts';
export { isText } from './formats.ts';
export { parseStrictJson } from './strict-json.ts';
export type { JsonFault, JsonLimits, StrictJson } from './strict-json.ts';
