/** A script's URL as the content security policy wants it: only the page's own scripts, each by a constant of the build, come through here. */
export const scriptURL: (url: string) => string = (() => {
  const types = (globalThis as { trustedTypes?: { createPolicy(name: string, rules: object): { createScriptURL(url: string): string } } }).trustedTypes;
  const policy = types?.createPolicy('tabseek-page', { createScriptURL: (url: string) => url });
  return (url) => policy?.createScriptURL(url) ?? url;
})();
