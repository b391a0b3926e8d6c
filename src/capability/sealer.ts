import type { Vault } from '../vault/index.ts';

/** What capabilities need of the vault: to seal and open what code stores. */
export type Sealer = Pick<Vault, 'seal' | 'open' | 'sealStream' | 'openStream' | 'openRange'>;
