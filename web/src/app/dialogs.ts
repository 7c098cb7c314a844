// What is seldom in sight: what opens over the page, and what helps where a model cannot be loaded. It comes after the page.
export { Activity } from './activity';
export { LoadFailure } from './load-failure';
export { ModelDialog } from './model-dialog';
export { SettingsDialog } from './settings-dialog';
export { ShortcutsDialog } from './shortcuts-dialog';
