package polymarket.backfill.cli;

import java.util.List;
import picocli.CommandLine.Model.CommandSpec;
import polymarket.backfill.UserError;

/** Options that have an effect on only some of the things that a command does. */
final class Takes {

  /** What every command takes. */
  private static final List<String> COMMON = List.of("--set", "--debug", "--help");

  private Takes() {}

  /**
   * Rejects an option that was given and would have no effect.
   *
   * @param what is done, such as "verify wallet"
   * @param options those that have an effect on it
   * @throws UserError with the first other one
   */
  static void only(CommandSpec spec, String what, String... options) {
    List<String> taken = List.of(options);
    spec.commandLine().getParseResult().matchedOptions().stream()
        .map(option -> option.longestName())
        .filter(name -> !COMMON.contains(name) && !taken.contains(name))
        .findFirst()
        .ifPresent(
            name -> {
              throw new UserError(
                  what
                      + " takes no "
                      + name
                      + (taken.isEmpty() ? "" : "; it takes " + String.join(", ", taken)));
            });
  }
}
