export * from './types/api/tabseek';
