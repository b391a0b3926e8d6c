export default { name: 'CACHE' };
