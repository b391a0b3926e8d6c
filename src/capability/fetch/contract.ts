/** Arguments of the operation `fetch`. The body of the request is the body of the call. */
export interface FetchArgs {
  readonly url: string;
  readonly method: string;
  /** Field names and values in turn. */
  readonly headers: readonly string[];
  readonly redirect: 'follow' | 'manual' | 'error';
  /** True when the body of the call is that of the request. */
  readonly body: boolean;
  /** True: the body comes back without its content coding, and without the headers that tell of it. */
  readonly decode: boolean;
}

/** Value of the reply. The body of the response is the body of the reply. */
export interface FetchAnswer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: readonly string[];
  /** URL of the last request, without what the host added to it. */
  readonly url: string;
  readonly redirected: boolean;
}
