/** Arguments of the operation `open`. What is sent is the body of the call, what arrives that of the reply. */
export interface ConnectArgs {
  readonly host: string;
  readonly port: number;
}

/** Value of the reply: the connection stands. */
export interface ConnectAnswer {
  /** Where it is connected to: the host as it was asked for, so that code learns no addresses. */
  readonly host: string;
  readonly port: number;
}
