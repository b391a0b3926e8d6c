export const orders = (env) => env.ORDERS;
