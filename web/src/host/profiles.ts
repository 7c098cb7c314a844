// Remembers which profile of the kernels won on a device, so that timing them is done once. What cannot be kept, in a
// private window for one, is found out again.

import { ask } from '../storage/database';

/** The key of a choice: the device, the build of the engine, the model. */
export const profileKey = (device: string, build: string, manifestSHA256: string): string => [device, build, manifestSHA256].join('\n');

export async function rememberedProfile(key: string): Promise<string | undefined> {
  try {
    return await ask('profiles', 'readonly', (store) => store.get(key));
  } catch {
    return undefined;
  }
}

export async function rememberProfile(key: string, profile: string): Promise<void> {
  try {
    await ask('profiles', 'readwrite', (store) => store.put(profile, key));
  } catch {
    // found out again next time
  }
}

export async function forgetProfile(key: string): Promise<void> {
  try {
    await ask('profiles', 'readwrite', (store) => store.delete(key));
  } catch {
    // it stays refused
  }
}
