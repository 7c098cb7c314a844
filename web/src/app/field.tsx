import { useState } from 'preact/hooks';
import { bounds } from '../api/tabseek';
import { t } from './language';
import { parseField, type Field } from './settings';

interface Props {
  field: Field;
  /** What holds while it is empty. */
  placeholder: string;
  value?: number;
  onChange: (value?: number) => void;
}

/** A number, or empty for the model's recommendation, which then shows in grey. */
export function FieldInput({ field, placeholder, value, onChange }: Props) {
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
        placeholder={placeholder}
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
