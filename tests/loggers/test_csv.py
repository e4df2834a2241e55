from dropgrid.loggers.csv import Csv


def test_a_line_an_epoch_written_at_once(tmp_path):
    logger = Csv(folder=tmp_path, cell={})
    logger.log({"epoch": 0, "step": 4, "val/acc": 0.5})
    assert (tmp_path / "metrics.csv").read_text().splitlines() == ["epoch,step,val/acc", "0,4,0.5"]
    logger.log({"epoch": 1, "step": 8, "val/acc": 0.75})
    logger.close({"test/acc_last": 0.7})
    assert (tmp_path / "metrics.csv").read_bytes().splitlines()[-1] == b"1,8,0.75"


def test_a_number_that_comes_later_gets_a_column_of_the_whole_file(tmp_path):
    logger = Csv(folder=tmp_path, cell={})
    logger.log({"epoch": 0, "step": 4})
    logger.log({"epoch": 1, "step": 8, "val": 0.5})
    logger.log({"epoch": 2, "step": 12})
    logger.close(None)
    assert (tmp_path / "metrics.csv").read_text().splitlines() == ["epoch,step,val", "0,4,", "1,8,0.5", "2,12,"]
