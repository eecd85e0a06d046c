import { Help, type HelpConfiguration } from 'commander';

/** On narrower terminals, descriptions are printed below the names. */
const NARROW_COLUMNS = 70;
const INDENT = '      ';

/** Lists commands in order of definition and wraps descriptions to the terminal width. */
export const HELP: HelpConfiguration = {
  sortSubcommands: false,
  minWidthToWrap: 20,
  formatItem(term, termWidth, description, helper) {
    const { helpWidth = 80 } = helper;
    if (helpWidth >= NARROW_COLUMNS) {
      return Help.prototype.formatItem.call(helper, term, termWidth, description, helper);
    }
    const text = helper.boxWrap(description, helpWidth - INDENT.length);
    return `  ${term}\n${text.replace(/^/gm, INDENT)}`;
  },
};
