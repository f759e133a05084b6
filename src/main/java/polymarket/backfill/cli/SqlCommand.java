package polymarket.backfill.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;
import polymarket.backfill.Redaction;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;

/** Runs a statement in ClickHouse. */
@Command(
    name = "sql",
    description =
        "Run a statement in ClickHouse and print its answer; a FORMAT clause is honoured.")
final class SqlCommand implements Callable<Integer> {

  @Mixin private Common common;

  @Parameters(
      paramLabel = "SQL",
      description =
          "One statement, such as 'SELECT count() FROM default.resolutions_external_ingest'; -"
              + " reads it from standard input.")
  private String sql;

  @Override
  public Integer call() {
    String format = Boolean.getBoolean("backfill.terminal") ? "PrettyCompact" : "TabSeparated";
    try (ClickHouse clickHouse = ClickHouse.open(common.settings())) {
      String statement =
          sql.equals("-")
              ? new String(System.in.readAllBytes(), java.nio.charset.StandardCharsets.UTF_8)
              : sql;
      try (InputStream answer = clickHouse.raw(statement, format)) {
        // a terminal gets no control characters; a file or program gets every byte, of any format
        PrintStream to =
            Boolean.getBoolean("backfill.terminal.output") ? System.out : Redaction.rawOut();
        answer.transferTo(to);
        to.flush();
      }
    } catch (IOException e) {
      throw new UserError("the answer was interrupted: " + e.getMessage());
    }
    return 0;
  }
}
