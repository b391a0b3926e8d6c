import type { DeployedFunction, Deployment } from '../deploy/port.ts';
import type { Exchange, ExchangeRequest, ResponseSink } from '../instance/port.ts';

/** Runs requests in instances: finds one, waits for one, or starts one. The only way from the gateway to a guest. */
export interface Dispatcher {
  /** Never throws: what goes wrong reaches `sink.failed` (CORDON_OVERLOADED, CORDON_FUNCTION_…, CORDON_SANDBOX_FAILED). */
  dispatch(
    deployment: Deployment,
    fn: DeployedFunction,
    request: ExchangeRequest,
    sink: ResponseSink,
  ): Exchange;
}
