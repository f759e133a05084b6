package polymarket.backfill.cli;

import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Prints the shell's script that completes commands and options on Tab. */
@Command(
    name = "completion",
    mixinStandardHelpOptions = true,
    description = {
      "Print a script with which a shell completes commands and options on Tab.",
      "",
      "  bash:  source <(./backfill completion bash)",
      "  zsh:   source <(./backfill completion zsh)",
      "  fish:  ./backfill completion fish | source"
    })
final class CompletionCommand implements Callable<Integer> {

  /** The shells. Zsh reads bash's completions by way of bashcompinit, which the script loads. */
  enum Shell {
    BASH,
    ZSH,
    FISH
  }

  @Parameters(paramLabel = "SHELL", description = "bash, zsh or fish.")
  private Shell shell;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    CommandLine program = spec.root().commandLine();
    System.out.print(
        shell == Shell.FISH
            ? fish(spec.root())
            : AutoComplete.bash(program.getCommandName(), program));
    return 0;
  }

  private static String fish(CommandSpec program) {
    StringBuilder script = new StringBuilder("complete -c " + program.name() + " -f\n");
    program
        .subcommands()
        .forEach(
            (name, command) -> {
              CommandSpec sub = command.getCommandSpec();
              if (sub.usageMessage().hidden()) {
                return;
              }
              script.append(
                  line(
                      program,
                      "__fish_use_subcommand",
                      " -a " + name,
                      description(sub.usageMessage().description())));
              for (PositionalParamSpec parameter : sub.positionalParameters()) {
                if (parameter.completionCandidates() != null) {
                  script.append(
                      line(
                          program,
                          "__fish_seen_subcommand_from " + name,
                          " -a \"" + String.join(" ", parameter.completionCandidates()) + "\"",
                          parameter.paramLabel()));
                }
              }
              for (OptionSpec option : sub.options()) {
                if (!option.hidden()) {
                  script.append(
                      line(
                          program,
                          "__fish_seen_subcommand_from " + name,
                          names(option),
                          description(option.description())));
                }
              }
            });
    return script.toString();
  }

  private static String names(OptionSpec option) {
    StringBuilder names = new StringBuilder();
    for (String name : option.names()) {
      names.append(name.startsWith("--") ? " -l " + name.substring(2) : " -s " + name.substring(1));
    }
    // an option that takes a value may take a file
    return names + (option.arity().max() > 0 ? " -r -F" : "");
  }

  private static String line(CommandSpec program, String condition, String what, String says) {
    return "complete -c "
        + program.name()
        + " -n '"
        + condition
        + "'"
        + what
        + " -d '"
        + says
        + "'\n";
  }

  private static String description(String[] lines) {
    String first = lines.length == 0 ? "" : lines[0];
    int end = first.indexOf(". ");
    return (end < 0 ? first : first.substring(0, end)).replace("\\", "\\\\").replace("'", "\\'");
  }
}
