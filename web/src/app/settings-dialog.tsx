import { useState } from 'preact/hooks';
import { bounds, type ModelInfo } from '../api/tabseek';
import type { Library } from './chats/library';
import { Dialog } from './dialog';
import { languageChoice, setLanguage, t, type LanguageChoice } from './language';
import { changeSettings, FIELDS, parseField, settings, type Field } from './settings';
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
          <FieldInput key={field.key} field={field} info={info} value={values[field.key]} onChange={(v) => changeSettings({ [field.key]: v })} />
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

/** A number, or empty for the model's recommendation, which then shows in grey. */
function FieldInput({ field, info, value, onChange }: { field: Field; info?: ModelInfo; value?: number; onChange: (value?: number) => void }) {
  const [text, setText] = useState(value === undefined ? '' : String(value));
  const change = (next: string) => {
    setText(next);
    onChange(parseField(field, next));
  };
  const showUsed = () => setText(value === undefined ? '' : String(value));
  const id = `setting-${field.key}`;
  const { min, max } = bounds[field.key];
  return (
    <div class="field">
      <label for={id}>{t(field.label)}</label>
      <input
        id={id}
        type="number"
        inputMode="decimal"
        min={min}
        max={Number.isFinite(max) ? max : undefined}
        step={field.step}
        placeholder={info ? field.fallback(info) : ''}
        aria-describedby={`${id}-hint`}
        value={text}
        onInput={(e) => change(e.currentTarget.value)}
        onFocus={(e) => e.currentTarget.select()}
        onBlur={showUsed}
      />
      <p id={`${id}-hint`} class="hint">
        {t(field.hint)}
      </p>
    </div>
  );
}

/** One of a few choices, all in sight. */
function Segments<C extends string>({ title, name, choices, current, onChoose }: { title: string; name: string; choices: [C, string][]; current: C; onChoose: (c: C) => void }) {
  return (
    <fieldset>
      <legend>{title}</legend>
      <div class="segments">
        {choices.map(([choice, label]) => (
          <label key={choice}>
            <input type="radio" name={name} value={choice} checked={choice === current} onChange={() => onChoose(choice)} />
            <span>{label}</span>
          </label>
        ))}
      </div>
    </fieldset>
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
