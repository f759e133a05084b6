package polymarket.backfill.cli;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParameterException;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Redaction;
import polymarket.backfill.Self;
import polymarket.backfill.UserError;

/** The program: parses the command line and runs a command. */
@Command(
    name = "backfill",
    mixinStandardHelpOptions = true,
    version = "backfill 1.0",
    description = "Polymarket backfills: ids in, complete and exact rows in ClickHouse out.",
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      RunCommand.class,
      PlanCommand.class,
      JoinCommand.class,
      StatusCommand.class,
      StopCommand.class,
      MonitorCommand.class,
      ServeCommand.class,
      FetchCommand.class,
      DiagnoseCommand.class,
      DoctorCommand.class,
      LedgerCommand.class,
      ResetCommand.class,
      LoadCommand.class,
      ReconcileCommand.class,
      EnrichCommand.class,
      PipelineCommand.class,
      ViewsCommand.class,
      VerifyCommand.class,
      ReadyCommand.class,
      AuditCommand.class,
      PositionsCommand.class,
      ExplainCommand.class,
      SqlCommand.class,
      ClickHouseCommand.class,
      DemoCommand.class,
      polymarket.backfill.sandbox.SandboxCommand.class,
      BenchmarkCommand.class,
      CompletionCommand.class,
      ArchiveCommand.class,
      CommandLine.HelpCommand.class,
    },
    exitCodeListHeading = "%nExit codes:%n")
public final class Backfill implements Callable<Integer> {

  /** What picocli says of a word that is none of a few. */
  private static final Pattern CHOICE =
      Pattern.compile("expected one of \\[(.*)] \\(case-insensitive\\) but was '(.*)'");

  static {
    Self.starts(Backfill.class);
  }

  @CommandLine.Spec private CommandLine.Model.CommandSpec spec;

  private Backfill() {}

  @Override
  public Integer call() {
    spec.commandLine().usage(System.out);
    return 0;
  }

  /** Runs a command line and returns the exit code. */
  public static int execute(String... args) {
    return commandLine().execute(args);
  }

  /**
   * Checks a command line without carrying it out.
   *
   * @throws UserError as the command would end with
   */
  static void check(List<String> words) {
    try {
      CommandLine.ParseResult parsed = commandLine().parseArgs(words.toArray(String[]::new));
      while (parsed.hasSubcommand()) {
        parsed = parsed.subcommand();
      }
      if (parsed.commandSpec().userObject() instanceof JobsCommand jobs) {
        jobs.checked();
      }
    } catch (ParameterException e) {
      throw new UserError(plain(e.getMessage().lines().findFirst().orElse("")));
    }
  }

  static CommandLine commandLine() {
    CommandLine command = new CommandLine(new Backfill());
    command.getCommandSpec().usageMessage().exitCodeList(ExitCode.meanings());
    return command
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setUsageHelpAutoWidth(true)
        // its escape codes would not pass Redaction
        .setColorScheme(CommandLine.Help.defaultColorScheme(CommandLine.Help.Ansi.OFF))
        .setHelpFactory(
            (spec, scheme) -> {
              if (spec.userObject() instanceof JobsCommand jobs) {
                jobs.shortenHelp();
              }
              return new CommandLine.Help(spec, scheme);
            })
        .setParameterExceptionHandler(Backfill::usage)
        .setExecutionExceptionHandler((failure, line, parsed) -> failed(failure));
  }

  public static void main(String[] args) {
    Redaction.install(
        layout(Boolean.getBoolean("backfill.terminal.output")),
        layout(Boolean.getBoolean("backfill.terminal")));
    Signals.followParent();
    Log.configure(List.of(args).contains("--debug") || "1".equals(System.getenv("DEBUG")));
    int code = execute(args);
    System.out.flush();
    System.err.flush();
    System.exit(code);
  }

  private static UnaryOperator<String> layout(boolean terminal) {
    return terminal && !"false".equals(System.getProperty("backfill.layout"))
        ? new Wrap(Terminal.columns()).andThen(Colour.of(true))::apply
        : UnaryOperator.identity();
  }

  private static int usage(ParameterException e, String[] args) {
    CommandLine command = e.getCommandLine();
    StringWriter nearest = new StringWriter();
    CommandLine.UnmatchedArgumentException.printSuggestions(e, new PrintWriter(nearest, true));
    String wrong = plain(e.getMessage().lines().findFirst().orElse(""));
    if (command.getParent() == null) {
      wrong = wrong.replaceFirst("^unexpected argument ", "no command ");
    }
    System.err.println(
        "backfill: "
            + wrong
            + (nearest.toString().isBlank() ? "" : ". " + nearest.toString().strip())
            + (nearest.toString().strip().endsWith("?") ? "" : ".")
            + " See `"
            + command.getCommandSpec().qualifiedName()
            + " --help`");
    return ExitCode.ERROR.code();
  }

  /** Replaces Java types in Picocli's messages with plain words. */
  static String plain(String message) {
    return CHOICE
        .matcher(message)
        .replaceAll(
            choice ->
                Matcher.quoteReplacement(
                    "'"
                        + choice.group(2)
                        + "' is none of "
                        + choice.group(1).toLowerCase(Locale.ROOT)))
        .replaceAll("^Unmatched arguments? (at|from) index \\d+: ", "unexpected argument ")
        .replaceAll("^Missing required", "missing")
        .replaceAll("^Unknown option", "unknown option")
        .replaceAll("^Invalid value", "invalid value")
        .replaceAll("' is not an? (int|long|Integer|Long)\\b", "' is not a whole number")
        .replaceAll("' is not an? (double|float|Double)\\b", "' is not a number")
        .replace("for option option ", "for option ");
  }

  private static int failed(Exception failure) {
    Throwable cause = failure instanceof UncheckedIOException ? failure.getCause() : failure;
    if (failure instanceof UserError) {
      System.err.println("backfill: " + failure.getMessage());
    } else if (cause instanceof FileSystemException file) {
      // a folder or a file that a person named, or whose disk they can see to
      System.err.println("backfill: cannot use " + file.getFile() + ": " + UserError.reason(file));
    } else {
      System.err.println("backfill: internal error: " + failure + " (use --debug for details)");
    }
    org.slf4j.LoggerFactory.getLogger("backfill").debug("failed", failure);
    return (failure instanceof UserError error ? error.exitCode() : ExitCode.ERROR).code();
  }
}
