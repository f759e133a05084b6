package polymarket.backfill;

import java.util.function.Consumer;

/**
 * Hands on what a person would be told, a line at a time.
 *
 * @param said gets each line; a warning begins with "warning: "
 */
public record SaidMessages(Consumer<String> said) implements Messages {

  public static final Messages SILENT = new SaidMessages(line -> {});

  @Override
  public void info(String line) {
    said.accept(line);
  }

  @Override
  public void warn(String line) {
    said.accept("warning: " + line);
  }
}
