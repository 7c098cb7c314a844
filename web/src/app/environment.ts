import { TabseekError } from '../api/tabseek';

/**
 * Rejects when this page cannot use the GPU. The worker would find out as well, but only after the page has offered to
 * download something.
 */
export async function checkEnvironment(): Promise<void> {
  if (!globalThis.isSecureContext) throw new TabseekError('insecure_context', `${location.origin} is not a secure context`);
  if (!navigator.gpu) throw new TabseekError('no_webgpu', 'navigator.gpu is not there');
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new TabseekError('no_webgpu', 'navigator.gpu.requestAdapter() found no adapter');
}
