declare module '*.css'; // the bundler takes style sheets along
