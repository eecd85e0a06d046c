import { Help, type HelpConfiguration } from 'commander';

/** Below this a column of explanations has no place beside the names. */
const NARROW_COLUMNS = 70;
const INDENT = '      ';

/** Help in the order of the commands, broken at word ends on a terminal of any width. */
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
