package polymarket.backfill;

import java.util.function.Consumer;

/**
 * Hands on what a person would be told, a line at a time.
 *
 * @param said gets each line; a warning begins with "warning: "
 * @param kept gets each line that is kept for later and not printed
 */
public record SaidMessages(Consumer<String> said, Consumer<String> kept) implements Messages {

  public static final Messages SILENT = new SaidMessages(line -> {});

  public SaidMessages(Consumer<String> said) {
    this(said, line -> {});
  }

  @Override
  public void info(String line) {
    said.accept(line);
  }

  @Override
  public void warn(String line) {
    said.accept("warning: " + line);
  }

  @Override
  public void event(String line) {
    kept.accept(line);
  }
}
