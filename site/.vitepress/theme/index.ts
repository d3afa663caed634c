/** The fonts of the reader's machine: nothing is loaded for them, from here or from elsewhere. @module */
export { default } from 'vitepress/theme-without-fonts'
