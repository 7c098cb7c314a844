import './style.css';
import { render } from 'preact';
import { App } from './app';
import { Conversation } from './chats/conversation';
import { Library } from './chats/library';
import { Search } from './chats/search';
import { followLanguage } from './language';
import { Loader } from './loader';
import { RecoveryLine } from './recovery';
import { Shell } from './shell';
import { Shelf } from './sources/shelf';
import { followTheme } from './theme';
import { Update } from './update';

followTheme();
followLanguage();
const loader = new Loader();
const library = new Library();
const shelf = new Shelf();
const conversation = new Conversation(library, shelf);
render(<App loader={loader} shelf={shelf} conversation={conversation} library={library} search={new Search(library)} />, document.getElementById('app')!);
void conversation.start().then(() => shelf.sweep(library.chats.value));
void loader.start();
const shell = new Shell();
render(
  <>
    <RecoveryLine loader={loader} />
    <Update shell={shell} />
  </>,
  document.getElementById('notices')!,
);
void shell.start();

if (new URLSearchParams(location.search).has('debug')) {
  // For tests, and for seeing what the page does then.
  Object.assign(window, { tabseekDebug: { loseDevice: () => loader.state.value.kind === 'ready' && !loader.state.value.engine.remote && loader.state.value.engine.loseDevice() } });
}
