// In place of linkify-it, which markdown-it brings along and which finds addresses in plain text: the page has that switched off.
export class LinkifyIt {}
