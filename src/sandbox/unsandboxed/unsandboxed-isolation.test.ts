import { isolationContract } from '../isolation.contract.ts';
import { createUnsandboxedIsolation } from './unsandboxed-isolation.ts';

isolationContract('no sandbox', { confines: false }, (harness) => createUnsandboxedIsolation({ harness }));
