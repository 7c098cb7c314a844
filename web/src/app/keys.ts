/**
 * Whether an input method is composing, and the key is its own. Safari ends a composition before it tells of the Enter that ended it,
 * which then has nothing of a composition but this key code.
 */
export const composes = (e: KeyboardEvent): boolean => e.isComposing || e.keyCode === 229;
