/** The project that everything belongs to until there are several. */
export const PROJECT = 'default';
