import { Icon, Logo } from './icons';

interface Props {
  /** None before the server has told its models. */
  modelName?: string;
  onModel: () => void;
  onSettings: () => void;
  onNewChat: () => void;
}

export function Header({ modelName, onModel, onSettings, onNewChat }: Props) {
  return (
    <header class="header">
      <span class="brand">
        <Logo />
        Tabseek
      </span>
      {modelName && (
        <button type="button" class="model-button" data-testid="model" aria-haspopup="dialog" title="About this model" onClick={onModel}>
          {modelName}
          <Icon name="chevron" />
        </button>
      )}
      <span class="spacer" />
      <button type="button" class="text-button" data-testid="new-chat" aria-label="New chat" title="New chat (Ctrl+Shift+O)" onClick={onNewChat}>
        <Icon name="plus" />
        <span class="wide-only">New chat</span>
      </button>
      <button type="button" class="icon-button" data-testid="settings" aria-label="Settings" aria-haspopup="dialog" title="Settings" onClick={onSettings}>
        <Icon name="sliders" />
      </button>
    </header>
  );
}
