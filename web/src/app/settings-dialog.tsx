import { useState } from 'preact/hooks';
import { bounds, type ModelInfo } from '../api/tabseek';
import { Dialog } from './dialog';
import { languageChoice, setLanguage, t, type LanguageChoice } from './language';
import { FIELDS, parseField, type Field, type Settings } from './settings';
import { useStore } from './store';
import { setTheme, theme, THEMES, type Theme } from './theme';

interface Props {
  settings: Settings;
  /** The model whose recommendations hold; none before it is loaded. */
  info?: ModelInfo;
  onChange: (settings: Settings) => void;
  onClose: () => void;
}

export function SettingsDialog({ settings, info, onChange, onClose }: Props) {
  const [resets, setResets] = useState(0);
  const reset = () => {
    onChange({});
    setResets(resets + 1);
  };
  return (
    <Dialog title={t('settings')} onClose={onClose}>
      <ThemeChoice />
      <LanguageChoice />
      <h3>Answers</h3>
      <div class="fields" key={resets}>
        {FIELDS.map((field) => (
          <FieldInput key={field.key} field={field} info={info} value={settings[field.key]} onChange={(v) => onChange({ ...settings, [field.key]: v })} />
        ))}
      </div>
      <button type="button" class="button" data-testid="reset" onClick={reset}>
        Reset to the model’s recommendation
      </button>
    </Dialog>
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
      <label for={id}>{field.label}</label>
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
        onBlur={showUsed}
      />
      <p id={`${id}-hint`} class="hint">
        {field.hint}
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
