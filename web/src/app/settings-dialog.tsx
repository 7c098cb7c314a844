import { useState } from 'preact/hooks';
import type { ModelInfo } from '../api/tabseek';
import type { Library } from './chats/library';
import { Dialog } from './dialog';
import { FieldInput } from './field';
import { languageChoice, setLanguage, t, type LanguageChoice } from './language';
import { Segments } from './segments';
import { changeSettings, FIELDS, settings } from './settings';
import { useStore } from './store';
import { Transfer } from './transfer';
import { setTheme, theme, THEMES, type Theme } from './theme';

interface Props {
  /** The model whose recommendations hold; none before it is loaded. */
  info?: ModelInfo;
  library: Library;
  /** The chat that is open. */
  chat?: string;
  onClose: () => void;
}

export function SettingsDialog({ info, library, chat, onClose }: Props) {
  const values = useStore(settings);
  const [resets, setResets] = useState(0);
  const reset = () => {
    changeSettings(Object.fromEntries(FIELDS.map((field) => [field.key, undefined])));
    setResets(resets + 1);
  };
  return (
    <Dialog title={t('settings')} onClose={onClose}>
      <ThemeChoice />
      <LanguageChoice />
      <h3>{t('answers')}</h3>
      <div class="fields" key={resets}>
        {FIELDS.map((field) => (
          <FieldInput key={field.key} field={field} placeholder={info ? field.fallback(info) : ''} value={values[field.key]} onChange={(v) => changeSettings({ [field.key]: v })} />
        ))}
        <button type="button" class="button" data-testid="reset" onClick={reset}>
          {t('reset')}
        </button>
        <SystemPrompt library={library} chat={chat} />
        <label class="check">
          <input type="checkbox" data-testid="logprobs" checked={values.logprobs === true} onChange={(e) => changeSettings({ logprobs: e.currentTarget.checked || undefined })} />
          <span>
            {t('showLogprobs')}
            <span class="hint">{t('showLogprobsHint')}</span>
          </span>
        </label>
      </div>
      <Transfer library={library} />
    </Dialog>
  );
}

/** Of the open chat, and of new ones. */
function SystemPrompt({ library, chat: id }: { library: Library; chat?: string }) {
  const chat = useStore(library.chats).find((c) => c.id === id);
  const change = (system: string) => {
    changeSettings({ system: system || undefined });
    if (id) void library.write(id, { system });
  };
  return (
    <div class="field wide">
      <label for="setting-system">{t('systemPrompt')}</label>
      <textarea id="setting-system" rows={2} dir="auto" aria-describedby="setting-system-hint" value={chat?.system ?? settings.value.system ?? ''} onChange={(e) => change(e.currentTarget.value.trim())} />
      <p id="setting-system-hint" class="hint">
        {t('systemPromptHint')} {t('systemPromptOfChat')}
      </p>
    </div>
  );
}

function ThemeChoice() {
  const names: Record<Theme, string> = { auto: t('automatic'), light: t('light'), dark: t('dark') };
  return <Segments title={t('theme')} name="theme" choices={THEMES.map((c) => [c, names[c]])} current={useStore(theme)} onChoose={setTheme} />;
}

/** Each language by its own name. */
function LanguageChoice() {
  const choices: [LanguageChoice, string][] = [['auto', t('automatic')], ['en', 'English'], ['zh', '中文']];
  return <Segments title={t('language')} name="language" choices={choices} current={useStore(languageChoice)} onChoose={setLanguage} />;
}
