import './style.css';
import { render } from 'preact';
import { App } from './app';
import { Conversation } from './chats/conversation';
import { Library } from './chats/library';
import { Search } from './chats/search';
import { followLanguage } from './language';
import { Loader } from './loader';
import { followTheme } from './theme';

followTheme();
followLanguage();
const loader = new Loader();
const library = new Library();
const conversation = new Conversation(library);
render(<App loader={loader} conversation={conversation} library={library} search={new Search(library)} />, document.getElementById('app')!);
void conversation.start();
void loader.start();
