/** Where the values of secrets are. */
export interface SecretSource {
  /** Null when the project has no secret of this name. Errors: `CordonError`. */
  get(project: string, name: string): Promise<string | null>;
}
