/** One of a few choices, all in sight. */
export function Segments<C extends string>({ title, name, choices, current, onChoose }: { title: string; name: string; choices: [C, string][]; current: C; onChoose: (c: C) => void }) {
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
